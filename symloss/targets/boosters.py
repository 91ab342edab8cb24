"""The spelling of the kernel in objectives for gradient boosting, whose arrays are NumPy's."""

from dataclasses import replace

from symloss.targets.numpy import NUMPY
from symloss.targets.target import Library, Target


def _objectives_of(name: str, library: Library) -> Target:
    return replace(NUMPY, name=name, steps={}, extended=None, pairs=None, library=library)


XGBOOST = _objectives_of(
    "xgboost",
    Library(
        title="XGBoost",
        oldest="3.1",
        dataset="xgboost.DMatrix",
        subsets="``xgboost.cv`` works, without ``stratified=True``",
        several_labels=True,
        rounds="n_estimators",
        example="max_depth=3, learning_rate=0.1",
        fit="""train(
            self.params,
            train_set,
            self.n_estimators,
            evals=[(data, f"validation_{place}") for place, data in enumerate(watched)],
            early_stopping_rounds=self.early_stopping_rounds,
            verbose_eval=False,
        )""",
    ),
)
LIGHTGBM = _objectives_of(
    "lightgbm",
    Library(
        title="LightGBM",
        oldest="4.6",
        dataset="lightgbm.Dataset",
        subsets="``lightgbm.cv`` works, with ``stratified=False``",
        rounds="n_estimators",
        example="num_leaves=31, learning_rate=0.1",
        fit="""train(
            {"verbosity": -1} | self.params,
            train_set,
            self.n_estimators,
            valid_sets=watched,
            callbacks=[lightgbm.early_stopping(self.early_stopping_rounds, verbose=False)]
            if self.early_stopping_rounds
            else None,
        )""",
        missing="; LightGBM itself takes them for 0",
    ),
)
CATBOOST = _objectives_of(
    "catboost",
    Library(
        title="CatBoost",
        oldest="1.2.8",
        dataset="catboost.Pool",
        subsets="so do slices of the Pool",
        rounds="iterations",
        example="depth=6, learning_rate=0.1",
        fit="""train(
            self.params,
            train_set,
            self.iterations,
            eval_set=watched or None,
            early_stopping_rounds=self.early_stopping_rounds,
        )""",
        several_scores=False,
        whole_tables=False,
        remark="; Python is called for every row",
    ),
)
