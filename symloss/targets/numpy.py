"""NumPy's spelling of the kernel."""

from symloss.targets.target import ARITHMETIC, Spelling, Target, calls, compare, method

NUMPY = Target(
    name="numpy",
    operations={
        **ARITHMETIC,
        **calls(
            "np.",
            power="power({0}, {1})",
            absolute="abs({0})",
            sign="sign({0})",
            maximum="maximum({0}, {1})",
            minimum="minimum({0}, {1})",
            sqrt="sqrt({0})",
            exp="exp({0})",
            expm1="expm1({0})",
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
            select="where({0}, {1}, {2})",
            take_label="take_along_axis({0}, {1}, axis=-1)",
            fill="full_like({1}, {0})",
        ),
        **calls(
            "_",
            log="log({0})",
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
        "sum_over_axis": method("{0}.sum(axis=-1, keepdims=True)"),
        "max_over_axis": method("{0}.max(axis=-1, keepdims=True)"),
        "is_first_maximum": Spelling(
            "np.arange({0}.shape[-1]) == {0}.argmax(axis=-1, keepdims=True)", compare("==").binds, (6,)
        ),
        "is_label": Spelling("np.arange({0}.shape[-1]) == {1}", compare("==").binds, (6, 3)),
        "smallest_normal": method("np.finfo({0}.dtype).tiny"),
        "axis_size": method("{0}.shape[-1]"),
    },
    indicator="{0}.astype(y_pred.dtype)",
)
