"""TensorFlow's spelling of the kernel. Importing this does not import TensorFlow."""

from symloss.targets.target import ARITHMETIC, CALL, PRODUCT, SUM, Spelling, Target, calls

TENSORFLOW = Target(
    name="tensorflow",
    operations={
        **ARITHMETIC,
        **calls(
            "tf.",
            power="pow({0}, {1})",
            absolute="abs({0})",
            sign="sign({0})",
            maximum="maximum({0}, {1})",
            minimum="minimum({0}, {1})",
            sqrt="sqrt({0})",
            exp="exp({0})",
            expm1="math.expm1({0})",
            log="math.log({0})",
            sin="sin({0})",
            cos="cos({0})",
            tan="tan({0})",
            arcsin="asin({0})",
            arccos="acos({0})",
            arctan="atan({0})",
            sinh="sinh({0})",
            cosh="cosh({0})",
            tanh="tanh({0})",
            erf="math.erf({0})",
            lgamma="math.lgamma({0})",
            digamma="math.digamma({0})",
            equal="equal({0}, {1})",
            not_equal="not_equal({0}, {1})",
            select="where({0}, {1}, {2})",
            sum_over_axis="reduce_sum({0}, axis=-1, keepdims=True)",
            max_over_axis="reduce_max({0}, axis=-1, keepdims=True)",
        ),
        "is_first_maximum": Spelling(
            "tf.equal(tf.range(tf.shape({0}, tf.int64)[-1]), tf.expand_dims(tf.argmax({0}, axis=-1), -1))"
        ),
        "is_label": Spelling("tf.equal(tf.range(tf.shape({0})[-1]), {1})"),
        "take_label": Spelling("tf.gather({0}, {1}, axis=-1, batch_dims={0}.shape.rank - 1)"),
        **calls(
            "_",
            closeness="closeness({0})",
            log1p="log1p({0})",
            sum_error="sum_error({0}, {1})",
            product_error="product_error({0}, {1})",
            binade="binade({0})",
            dot="dot({0}, {1})",
        ),
        "nearest_part": Spelling("{0}[0]", CALL, (CALL,)),
        "missing_part": Spelling("{0}[1]", CALL, (CALL,)),
        "smallest_normal": Spelling("4.0 / {0}.dtype.max", PRODUCT, (CALL,)),
        "axis_size": Spelling("tf.cast(tf.shape({0})[-1], y_pred.dtype)"),
        "fill": Spelling("tf.zeros_like({1}) + {0}", SUM, (SUM, 0)),
    },
    indicator="tf.cast({0}, y_pred.dtype)",
    selected_constant="tf.constant({0}, y_pred.dtype)",
    integers_as_floats=True,
    reciprocal="{0} * (1.0 / {1})",  # XLA makes a / (b * c) of a / b / c
)
