"""C's spelling of the kernel: C99, and functions that the templates write out."""

from dataclasses import replace

from symloss.kernel import OPERATIONS
from symloss.targets.target import ARITHMETIC, CALL, UNARY, Spelling, Target, calls, wide_calls

_WORDS = frozenset(
    """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    asm typeof bool true false nullptr main errno NULL INFINITY NAN DBL_MIN DBL_MAX
    """.split()  # noqa: SIM905
)
# What is declared in the scope of a kernel, or called there.
_OF_KERNELS = frozenset(
    """
    at entry entries row rows i count outside is_outside is_not_finite is_no_sign
    less_than at_most equals differs is_not where
    acos asin atan ceil copysign cos cosh erf erfc exp expm1 fabs floor fmax fmin lgamma log log1p pow round sin sinh
    sqrt tan tanh trunc gamma j0 j1 jn y0 y1 yn signgam
    clip exponential_of exponential_minus_one logarithm_of logarithm_of_one_plus hyperbolic_tangent hyperbolic_sine
    hyperbolic_cosine power_of larger_of smaller_of sign_of sum_error product_error binade accumulate conclude sum_up
    pair pair_of_parts pair_rounded extended extended_of_parts extended_rounded
    always doubtful is_doubtful is_doubtful_input
    sum_up_from_the_end digamma trigamma tetragamma polynomial DIGAMMA DIGAMMA_FAR TRIGAMMA_FAR TETRAGAMMA_FAR
    """.split()  # noqa: SIM905
)
# The functions of wide numbers, and those of one sample that are made of them.
_OF_WIDE_NUMBERS = frozenset(
    spelling.text.partition("(")[0] for kind in ("pair", "extended") for spelling in wide_calls(f"{kind}_").values()
) | frozenset(
    made.format(output)
    for made in ("compute_{}", "exact_{}", "mend_{}", "{}_in_pairs", "{}_in_extended_numbers")
    for output in ("value", "gradient", "hessian")
)
# The functions of single precision.
_OF_SINGLES = frozenset(
    """
    single_bits_of single_of_bits single_less_than single_at_most single_equals single_differs single_where
    single_is_not single_sum_error single_upper_half single_product_error single_sign single_larger single_smaller
    single_clip single_exp single_expm1 single_log single_log1p single_tanh single_sinh single_cosh fabsf sqrtf
    single_accumulate single_conclude single_sum_up single_sum_up_from_the_end
    """.split()  # noqa: SIM905
) | frozenset(f"compute_{name}_in_single" for name in ("value", "gradient", "hessian"))
# The other arguments of the public functions, and what stands beside arguments elsewhere.
_OF_FUNCTIONS = frozenset(
    """
    samples is_float is_single is_ordinary compute_in_single compute_in_doubles
    scale has_values weight sample_weight reduction workers product kept room job
    value gradient hessian hessian_vector_product size_t ptrdiff_t int64_t uint64_t uintptr_t float_t double_t
    """.split()  # noqa: SIM905
)

_FLAGS = {
    **{name: ARITHMETIC[name] for name in ("logical_and", "logical_or")},
    "logical_not": Spelling("is_not({0})"),
    "is_label": Spelling("equals((double)entry, {1})"),
}


def _of_wide_numbers(kind: str, **others: Spelling) -> Target:
    """The spelling for numbers of twice the digits: functions throughout."""
    return Target(
        name="c",
        in_loops=True,
        reserved=_WORDS | _OF_KERNELS | _OF_WIDE_NUMBERS | _OF_SINGLES,
        beside_arguments=_OF_FUNCTIONS,
        operations={
            **_FLAGS,
            **wide_calls(f"{kind}_"),
            "axis_size": Spelling(f"{kind}((double)entries)"),
            **others,
        },
        exact_constant=f"{kind}({{0}})",
        inexact_constant=f"{kind}_of_parts({{0}}, {{1}})",
        integers_as_floats=True,
        infinity="INFINITY",
    )


_PAIRS = _of_wide_numbers("pair", binade=Spelling("pair_binade({0})"), smallest_normal=Spelling("pair(DBL_MIN)"))
_EXTENDED = _of_wide_numbers("extended")

_DOUBLE = Target(
    name="c",
    files={".h": "declarations", ".c": "source", ".py": "module"},
    certified="certified",
    template_folders=("numpy", "compiled"),
    in_loops=True,
    reserved=_WORDS | _OF_KERNELS | _OF_WIDE_NUMBERS | _OF_SINGLES,
    beside_arguments=_OF_FUNCTIONS,
    operations={
        **ARITHMETIC,
        **calls(
            "",
            power="power_of({0}, {1})",
            absolute="fabs({0})",
            sign="sign_of({0})",
            maximum="larger_of({0}, {1})",
            minimum="smaller_of({0}, {1})",
            clip="clip({0}, {1}, {2})",
            sqrt="sqrt({0})",
            exp="exponential_of({0})",
            expm1="exponential_minus_one({0})",
            log="logarithm_of({0})",
            log1p="logarithm_of_one_plus({0})",
            sin="sin({0})",
            cos="cos({0})",
            tan="tan({0})",
            arcsin="asin({0})",
            arccos="acos({0})",
            arctan="atan({0})",
            sinh="hyperbolic_sine({0})",
            cosh="hyperbolic_cosine({0})",
            tanh="hyperbolic_tangent({0})",
            erf="erf({0})",
            erfc="erfc({0})",
            lgamma="lgamma({0})",
            digamma="digamma({0})",
            trigamma="trigamma({0})",
            tetragamma="tetragamma({0})",
            sum_error="sum_error({0}, {1})",
            product_error="product_error({0}, {1})",
            binade="binade({0})",
        ),
        "less": Spelling("less_than({0}, {1})"),
        "less_equal": Spelling("at_most({0}, {1})"),
        "equal": Spelling("equals({0}, {1})"),
        "not_equal": Spelling("differs({0}, {1})"),
        **_FLAGS,
        "select": Spelling("where({0}, {1}, {2})"),
        "fill": Spelling("{0}", 0),
        "closeness": Spelling("0.5"),
        "smallest_normal": Spelling("DBL_MIN"),
        "axis_size": Spelling("(double)entries", UNARY),
    },
    indicator="({0} ? 1.0 : 0.0)",
    integers_as_floats=True,
    infinity="INFINITY",
    extended=_EXTENDED,
    pairs=_PAIRS,
)

# Through double precision where a function has no other form.
_SINGLE = Target(
    name="c",
    in_loops=True,
    reserved=_DOUBLE.reserved,
    beside_arguments=_OF_FUNCTIONS,
    operations={
        **{
            operation: Spelling(f"(float){spelling.text}", UNARY)
            for operation, spelling in _DOUBLE.operations.items()
            if spelling.binds == CALL and OPERATIONS[operation].arity == 1
        },
        **ARITHMETIC,
        **calls(
            "single_",
            sign="sign({0})",
            maximum="larger({0}, {1})",
            minimum="smaller({0}, {1})",
            clip="clip({0}, {1}, {2})",
            exp="exp({0})",
            expm1="expm1({0})",
            log="log({0})",
            log1p="log1p({0})",
            sinh="sinh({0})",
            cosh="cosh({0})",
            tanh="tanh({0})",
            sum_error="sum_error({0}, {1})",
            product_error="product_error({0}, {1})",
            less="less_than({0}, {1})",
            less_equal="at_most({0}, {1})",
            equal="equals({0}, {1})",
            not_equal="differs({0}, {1})",
            logical_not="is_not({0})",
            select="where({0}, {1}, {2})",
        ),
        "absolute": Spelling("fabsf({0})"),
        "sqrt": Spelling("sqrtf({0})"),
        "power": Spelling("(float)power_of({0}, {1})", UNARY),
        "logical_and": ARITHMETIC["logical_and"],
        "logical_or": ARITHMETIC["logical_or"],
        "is_label": Spelling("single_equals((float)entry, {1})"),
        "axis_size": Spelling("(float)entries", UNARY),
        "fill": Spelling("{0}", 0),
        "closeness": Spelling("0.5f"),
        "smallest_normal": Spelling("FLT_MIN"),
        "narrow": Spelling("(float){0}", UNARY, (UNARY,)),
    },
    indicator="({0} ? 1.0f : 0.0f)",
    integers_as_floats=True,
    infinity="INFINITY",
    of_parameters=replace(_DOUBLE, operations={**_DOUBLE.operations, "smallest_normal": Spelling("FLT_MIN")}),
)

C = replace(_DOUBLE, single=_SINGLE)
