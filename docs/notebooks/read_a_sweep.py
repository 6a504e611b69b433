# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Read a sweep with pandas
#
# `locexp.load_sweep` gives the results of a sweep as [pandas](https://pandas.pydata.org) data frames, from the files in
# its folder alone or from a tracking store. Here it is the sweep of the [tutorial](../tutorial.md): three box weights,
# seven seeds. This page was made from [read_a_sweep.py](read_a_sweep.py), which Jupyter (with jupytext) and VS Code
# open as a notebook.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import locexp

pd.set_option("display.width", 120, "display.max_columns", 12, "display.precision", 3)
sweep = locexp.load_sweep()  # the last one; or load_sweep("multirun/DATE/TIME"), or load_sweep(SWEEP_ID)

# %% [markdown]
# ## One row per setting
#
# `settings` holds the numbers of the comparison, to the digit: means over seeds, half the widths of their 95 %
# intervals, and the verdicts. What the sweep varied is a column of its own, a number where it is one.

# %%
settings = sweep.settings.sort_values("loss.bbox_weight")
settings[["setting", "loss.bbox_weight", "n", "test/accuracy/mean", "test/mean_iou/mean", "chosen", "verdict"]]

# %% alt="Accuracy against mean IoU: each setting with its intervals, each run as a small mark"
figure, axes = plt.subplots(figsize=(6, 4))
for row in settings.to_dict("records"):
    seeds = sweep.runs[(sweep.runs["setting"] == row["setting"]) & sweep.runs["compared"]]
    points = axes.errorbar(
        row["test/accuracy/mean"],
        row["test/mean_iou/mean"],
        xerr=row["test/accuracy/half_width"],
        yerr=row["test/mean_iou/half_width"],
        fmt="o",
        capsize=3,
        label=f"{row['loss.bbox_weight']:g}",
    )
    axes.scatter(seeds["test/accuracy"], seeds["test/mean_iou"], s=8, alpha=0.5, color=points[0].get_color())
axes.axhline(settings["floor/mean_iou"].mean(), color="grey", linestyle=":", label="a constant box")
axes.set(xlabel="accuracy on test", ylabel="mean IoU on test")
axes.legend(title="bbox_weight")
plt.show()

# %% [markdown]
# ## One row per run
#
# `runs` has a row for every run, finished or not: its status, its seed, and its metrics, NaN where it has none.
# Runs of equal seed begin with equal weights, so differences within a seed say more than those of means do:

# %%
print(sweep.runs["status"].value_counts().to_string())
by_seed = sweep.runs.pivot(index="seed", columns="loss.bbox_weight", values="test/mean_iou")
by_seed.sub(by_seed[0.5], axis=0)

# %% [markdown]
# ## One row per epoch
#
# `epochs` has the learning curves. The band is the range over seeds.

# %% alt="Mean IoU on validation, epoch by epoch, for each weight"
figure, axes = plt.subplots(figsize=(6, 4))
for weight, rows in sweep.epochs.groupby("loss.bbox_weight"):
    curve = rows.groupby("epoch")["val/mean_iou"].agg(["mean", "min", "max"])
    axes.plot(curve.index, curve["mean"], marker="o", label=f"{weight:g}")
    axes.fill_between(curve.index, curve["min"], curve["max"], alpha=0.2)
axes.set(xlabel="epoch", ylabel="mean IoU on validation", xticks=curve.index)
axes.legend(title="bbox_weight")
plt.show()

# %% [markdown]
# ## One row per test image
#
# `predictions` reads what the runs predict for the test images. These are the images whose boxes the chosen setting
# finds hardest, by the mean over seeds, and beside it what the other weights make of them:

# %% varies=true
predictions = sweep.predictions()
chosen = settings.loc[settings["chosen"], "setting"].item()
iou = predictions.pivot_table(index=["index", "label"], columns="setting", values="iou")
print(f"mean IoU of {chosen} over all {len(iou)} test images: {iou[chosen].mean():.2f}; of the worst:")
iou.sort_values(chosen).head(8).round(2)

# %% [markdown]
# And by class: the share of images whose digit is right, the mean IoU, and the share of boxes below .75.

# %%
hard = predictions[predictions["setting"] == chosen]
hard = hard.assign(right=hard["label"] == hard["predicted"], loose=hard["iou"] < 0.75)
hard.groupby("label")[["right", "iou", "loose"]].mean()
