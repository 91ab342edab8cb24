"""The kernel's checker refuses everything outside its vocabulary."""

from dataclasses import replace

import pytest

from symloss import catalogue
from symloss.derive import derive
from symloss.emit import emit
from symloss.errors import KernelError, UnsupportedError
from symloss.kernel import OPERATIONS, Apply, Input, Kernel, Value
from symloss.lower import lower
from symloss.targets import NUMPY, TARGETS, TENSORFLOW, find

Y = Value(Input("y_pred", "element"), "element")


def _kernel(*values, has_axis=False):
    return Kernel("test", has_axis, (Y, *values), {"value": len(values)})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Value(Apply("gamma", (0,)), "element"), "not in the vocabulary"),
        (Value(Apply("add", (0,)), "element"), "takes 2 operands"),
        (Value(Apply("exp", (1,)), "element"), "not computed before"),
        (Value(Apply("exp", (0,)), "row"), "claims to be a row"),
        (Value(Apply("sum_over_axis", (0,)), "row"), "needs an axis"),
        (Value(Apply("less", (0, 0)), "flag"), "is a flag"),
    ],
)
def test_a_malformed_kernel_is_refused(value, message):
    """Each breaks one rule of the vocabulary."""
    with pytest.raises(KernelError, match=message):
        _kernel(value)


def test_every_target_spells_the_vocabulary_or_says_what_it_lacks():
    """Both have all operations; of a target that lacks one, generation names the missing one."""
    spelled = set(OPERATIONS) - {"relabel", "narrow"}  # the same array, and what C has for parameters of float
    assert set(TENSORFLOW.operations) == spelled
    assert set(NUMPY.operations) == spelled
    for missing in ("erf", "lgamma", "digamma"):
        kernel = _kernel(Value(Apply(missing, (0,)), "element"))
        poorer = replace(NUMPY, operations={name: item for name, item in NUMPY.operations.items() if name != missing})
        with pytest.raises(UnsupportedError, match=f"numpy has no {missing}, which test needs"):
            emit(kernel, poorer, "value")


def test_an_unknown_target_lists_the_known_ones():
    """The message is the help."""
    with pytest.raises(UnsupportedError, match="numpy, tensorflow"):
        find("matlab")


def test_no_kernel_of_the_catalogue_grows_with_the_number_of_classes():
    """Nothing is unrolled: a softmax takes the same few steps for any size."""
    for name in catalogue.files():
        for form in catalogue.declared(name).generated_forms():
            assert len(lower(derive(form)).values) < (600 if form.has_one_axis or form.is_elementwise else 1200)


def test_emitted_programs_use_only_what_they_declare():
    """Every name on a right-hand side is an input or an earlier line."""
    form = catalogue.declared("huber").generated_forms()[0]
    kernel = lower(derive(form))
    for target in TARGETS.values():
        program = emit(kernel, target, "value", "gradient", "hessian")
        assert program.inputs == {"y_true", "y_pred", "delta"}
        assert len({line.name for line in program.lines}) == len(program.lines)


def test_kernels_are_values():
    """Two lowerings of one declaration are equal, so builds can be compared."""
    form = catalogue.declared("focal_binary").generated_forms()[0]
    first, second = lower(derive(form)), lower(derive(form))
    assert first == second
    assert replace(first) == second
