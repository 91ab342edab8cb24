"""Generated NumPy modules over Dask arrays, which may be larger than the memory of one machine.

    import symloss.dask
    from generated.numpy import huber

    loss = symloss.dask.over(huber)
    value, gradient = loss.loss_and_gradient(y_true, y_pred, delta=0.7)
    value.compute()

Every function has the arguments of the module's. Chunks are computed apart from each other by the module itself; values
are summed chunk by chunk, in one order whatever the number of workers. Nothing is computed before ``compute``, but for
``start_value``, which takes a few passes over the data.
"""

from symloss.dask.functions import Functions, over

__all__ = ["Functions", "over"]
