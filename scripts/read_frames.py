# /// script
# dependencies = ["polars"]
# ///
"""Read the frames of a run from Python: how much attention each layer gives to the image, and one map.

    python scripts/read_frames.py runs/attention-location

Every column is documented in src/record/schema.rs. pandas and DuckDB read the same files.
"""

import sys
from pathlib import Path

import polars as pl

frames = Path(sys.argv[1]) / "frames"
items = pl.read_parquet(frames / "items.parquet")
attention = pl.read_parquet(frames / "attention.parquet")

print(items.group_by("relation").agg(pl.len().alias("n"), pl.col("correct").mean()).sort("relation"))

mean_head = attention.filter(pl.col("head") == -1)
print(mean_head.group_by("layer").agg(pl.col("bos", "image", "objects", "text").mean()).sort("layer"))

first = items.row(0, named=True)
last_layer = mean_head.filter(pl.col("item") == first["item"]).sort("layer").row(-1, named=True)
print(f"{first['item']}: {first['question']} -> {first['answer']}; the last layer's attention on the image:")
cols = first["grid_cols"]
for row in range(first["grid_rows"]):
    print(" ".join(f"{mass:.4f}" for mass in last_layer["row"][row * cols : (row + 1) * cols]))
