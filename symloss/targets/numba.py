"""numba's spelling of the kernel: functions of one number, compiled into the loops that call them."""

from symloss.targets.target import ARITHMETIC, COMPARISON, SUM, Spelling, Target, calls, compare, wide_calls

# What is declared in the scope of a kernel, or stands there for something else.
_OF_KERNELS = frozenset(
    """
    at entry entries row rows i count kept outside always doubtful before math np njit nan inf range min max float
    """.split()  # noqa: SIM905
)
_OF_FUNCTIONS = frozenset(
    """
    weight factor first last start end sums chunk value gradient hessian hessian_vector_product
    """.split()  # noqa: SIM905
)

_FLAGS = {
    **{name: ARITHMETIC[name] for name in ("logical_and", "logical_or")},
    "logical_not": Spelling("not {0}", 0, (COMPARISON,)),
    "is_label": Spelling("entry == {1}", compare("==").binds, (0, SUM)),
}


def _of_wide_numbers(kind: str, **others: Spelling) -> Target:
    """The spelling for numbers of twice the digits, which are tuples: functions throughout."""
    return Target(
        name="numba",
        in_loops=True,
        reserved=_OF_KERNELS,
        beside_arguments=_OF_FUNCTIONS,
        operations={
            **_FLAGS,
            **wide_calls(f"_{kind}_"),
            "axis_size": Spelling(f"_{kind}(float(entries))"),
            **others,
        },
        exact_constant=f"_{kind}({{0}})",
        inexact_constant=f"_{kind}_of_parts({{0}}, {{1}})",
        integers_as_floats=True,
        infinity="np.inf",
    )


_PAIRS = _of_wide_numbers("pair", binade=Spelling("_pair_binade({0})"), smallest_normal=Spelling("_pair(2.0**-1022)"))
_EXTENDED = _of_wide_numbers("extended")

NUMBA = Target(
    name="numba",
    files={".py": "module"},
    certified="certified",
    chosen_for="c",
    template_folders=("numpy", "compiled"),
    in_loops=True,
    reserved=_OF_KERNELS,
    beside_arguments=_OF_FUNCTIONS,
    operations={
        **ARITHMETIC,
        **calls(
            "math.",
            absolute="fabs({0})",
            sqrt="sqrt({0})",
            sin="sin({0})",
            cos="cos({0})",
            tan="tan({0})",
            arcsin="asin({0})",
            arccos="acos({0})",
            arctan="atan({0})",
            erf="erf({0})",
            erfc="erfc({0})",
            lgamma="lgamma({0})",
        ),
        **calls(
            "_",
            power="power_of({0}, {1})",
            sign="sign_of({0})",
            maximum="larger({0}, {1})",
            minimum="smaller({0}, {1})",
            clip="clip_of({0}, {1}, {2})",
            exp="exp_of({0})",
            expm1="expm1_of({0})",
            log="log_of({0})",
            log1p="log1p_of({0})",
            sinh="sinh_of({0})",
            cosh="cosh_of({0})",
            tanh="tanh_of({0})",
            digamma="digamma_of({0})",
            trigamma="trigamma_of({0})",
            tetragamma="tetragamma_of({0})",
            sum_error="sum_error_of({0}, {1})",
            product_error="product_error_of({0}, {1})",
            binade="binade_of({0})",
            select="where({0}, {1}, {2})",
        ),
        **_FLAGS,
        "equal": compare("=="),
        "not_equal": compare("!="),
        "fill": Spelling("{0}", 0),
        "closeness": Spelling("0.5"),
        "smallest_normal": Spelling("2.0**-1022"),
        "axis_size": Spelling("float(entries)"),
    },
    indicator="_where({0}, 1.0, 0.0)",
    integers_as_floats=True,
    infinity="np.inf",
    extended=_EXTENDED,
    pairs=_PAIRS,
)
