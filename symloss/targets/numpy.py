"""NumPy's spelling of the kernel."""

from symloss.targets.target import (
    ARITHMETIC,
    PRODUCT,
    Spelling,
    Step,
    Target,
    calls,
    compare,
    elementary,
    in_sorted_order,
    infix,
    method,
)

_IS_LABEL = Spelling("np.arange({0}.shape[-1]) == {1}", compare("==").binds, (6, 3))


def _of_wide_numbers(kind: str, *, number: str, is_first_maximum: str, **others: Spelling) -> Target:
    """The same module's spelling for numbers of twice the digits, which have operators of their own."""
    return Target(
        name="numpy",
        operations={
            **ARITHMETIC,
            **calls(
                f"_{kind}_",
                power="power({0}, {1})",
                sign="sign({0})",
                maximum="maximum({0}, {1})",
                minimum="minimum({0}, {1})",
                sqrt="sqrt({0})",
                exp="exp({0})",
                expm1="expm1({0})",
                log="log({0})",
                log1p="log1p({0})",
                sin="sin({0})",
                cos="cos({0})",
                tan="tan({0})",
                arcsin="arcsin({0})",
                arccos="arccos({0})",
                arctan="arctan({0})",
                sinh="sinh({0})",
                cosh="cosh({0})",
                tanh="tanh({0})",
                erf="erf({0})",
                erfc="erfc({0})",
                lgamma="log_gamma({0})",
                digamma="digamma({0})",
                trigamma="trigamma({0})",
                tetragamma="tetragamma({0})",
                select="where({0}, {1}, {2})",
                take_label="take_label({0}, {1})",
                fill="full_like({1}, {0})",
                sum_over_axis="sum({0})",
                max_over_axis="max({0})",
            ),
            "absolute": Spelling("abs({0})"),
            "nearest_part": method("{0}.nearest_part()"),
            "missing_part": method("{0}.missing_part()"),
            "equal": compare("=="),
            "not_equal": compare("!="),
            "is_first_maximum": Spelling(is_first_maximum),
            "is_label": _IS_LABEL,
            "axis_size": Spelling(f"_as_{kind}({{0}}.shape[-1])"),
            **others,
        },
        inexact_constant=number,
    )


_EXTENDED = _of_wide_numbers("extended", number="_Extended({0}, {1})", is_first_maximum="_is_first_maximum({0})")
_PAIRS = _of_wide_numbers(
    "pair",
    number="_Pair(np.float64({0}), {1})",
    is_first_maximum="_is_first_of_pairs({0})",
    binade=Spelling("_pair_binade({0})"),
    smallest_normal=Spelling("np.finfo(np.float64).tiny"),
)


def _ufuncs(**names: str) -> dict[str, Step]:
    """NumPy's functions of one array."""
    return {operation: Step(f"np.{name}({{0}}, out={{out}})") for operation, name in names.items()}


_STEPS = {
    "add": Step("np.add({0}, {1}, out={out})", "+=", commutes=True),
    "subtract": Step("np.subtract({0}, {1}, out={out})", "-="),
    "multiply": Step("np.multiply({0}, {1}, out={out})", "*=", commutes=True),
    "divide": Step("np.divide({0}, {1}, out={out})", "/="),
    "power": Step("np.power({0}, {1}, out={out})"),
    "maximum": Step("np.maximum({0}, {1}, out={out})"),
    "minimum": Step("np.minimum({0}, {1}, out={out})"),
    "clip": Step("{0}.clip({1}, {2}, out={out})"),
    "select": Step(
        "_where({0}, {1}, {2}, {out}, {further})",
        kept=(2,),
        further=1,
        indicator="np.multiply({0}, 1, out={out}, dtype=y_pred.dtype)",
    ),
    "log": Step("_log({0}, {out})"),
    "sum_error": Step("_sum_error({0}, {1}, {out}, {further})", kept=(0, 1), further=2),
    **_ufuncs(
        negate="negative",
        absolute="abs",
        sign="sign",
        sqrt="sqrt",
        exp="exp",
        expm1="expm1",
        log1p="log1p",
        sin="sin",
        cos="cos",
        tan="tan",
        arcsin="arcsin",
        arccos="arccos",
        arctan="arctan",
        sinh="sinh",
        cosh="cosh",
        tanh="tanh",
    ),
}

NUMPY = Target(
    name="numpy",
    joins_rows=True,
    operations={
        **ARITHMETIC,
        **elementary("np."),
        **calls(
            "np.",
            power="power({0}, {1})",
            maximum="maximum({0}, {1})",
            minimum="minimum({0}, {1})",
            clip="clip({0}, {1}, {2})",
            select="where({0}, {1}, {2})",
            take_label="take_along_axis({0}, {1}, axis=-1)",
            fill="full_like({1}, {0})",
        ),
        **calls(
            "_",
            log="log({0})",
            erf="erf({0})",
            erfc="erfc({0})",
            lgamma="log_gamma({0})",
            digamma="digamma({0})",
            trigamma="trigamma({0})",
            tetragamma="tetragamma({0})",
            closeness="closeness({0})",
            sum_error="sum_error({0}, {1})",
            product_error="product_error({0}, {1})",
            binade="binade({0})",
            dot="dot({0}, {1})",
        ),
        "nearest_part": method("{0}[0]"),
        "missing_part": method("{0}[1]"),
        "equal": compare("=="),
        "not_equal": compare("!="),
        "sum_over_axis": method("{0}.sum(axis={axis}{keep})"),
        "max_over_axis": method("{0}.max(axis={axis}{keep})"),
        "is_first_maximum": Spelling(
            "np.arange({0}.shape[-1]) == {0}.argmax(axis=-1, keepdims=True)", compare("==").binds, (6,)
        ),
        "is_label": _IS_LABEL,
        "smallest_normal": method("np.finfo({0}.dtype).tiny"),
        "axis_size": method("{0}.shape[{axis}]"),
        "expand": method("{0}[{places}]"),
        "positions": Spelling("np.arange({0}.shape[{axis}])"),
        "ones": Spelling("np.ones({0}.shape[{axis}], {0}.dtype)"),
        "in_floats": Spelling("np.asarray({0}, y_pred.dtype)"),
        "is_same": Spelling("np.eye({0}.size, dtype=bool)"),
        "transpose": Spelling("_transposed({0}, {order})"),
        "rows": method("{0}[{places_of_rows}]"),
        "diagonal": Spelling("np.diagonal({0}, axis1=-2, axis2=-1)"),
        "take": Spelling("_taken({0}, {1})"),
        "contract": Spelling('np.einsum("{subscripts}", {0}, {1})'),
        "matrix_product": infix("@", PRODUCT),
        "cumulative_sum": method("{0}.cumsum(axis=-1)"),
        "cumulative_sum_from": Spelling("np.flip(np.flip({0}, axis=-1).cumsum(axis=-1), axis=-1)"),
        **in_sorted_order(),
    },
    indicator="{0}.astype(y_pred.dtype)",
    steps=_STEPS,
    extended=_EXTENDED,
    pairs=_PAIRS,
    certified="certified",
)
