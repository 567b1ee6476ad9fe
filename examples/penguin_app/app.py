"""Look at the penguins, and ask which of them are most like one of your own. Reads `penguins/penguins.csv` of its
inputs."""

from __future__ import annotations

import os
from pathlib import Path

import altair as alt
import pandas as pd
import streamlit as st

MEASURES = {
    "bill_length_mm": "Length of the bill, mm",
    "bill_depth_mm": "Depth of the bill, mm",
    "flipper_length_mm": "Length of the flipper, mm",
    "body_mass_g": "Body mass, g",
}
NEAREST = 15


@st.cache_data
def birds() -> pd.DataFrame:
    """The birds with all four measures, a row each."""
    path = Path(os.environ.get("REGISTRY_INPUTS", ".."), "penguins", "penguins.csv")
    return pd.read_csv(path).dropna(subset=list(MEASURES)).reset_index(drop=True)


def nearest(table: pd.DataFrame, own: pd.Series) -> pd.DataFrame:
    """The rows most like `own`, each measure in units of its spread."""
    measures = table[list(MEASURES)]
    distance = (((measures - own) / measures.std()) ** 2).sum(axis=1) ** 0.5
    return table.loc[distance.nsmallest(NEAREST).index]


st.set_page_config(page_title="Penguins of Palmer Station", layout="wide")
st.title("Penguins of Palmer Station")
table = birds()

with st.sidebar:
    st.header("Your penguin")
    values = {}
    for name, words in MEASURES.items():
        least, most = float(table[name].min()), float(table[name].max())
        values[name] = st.slider(words, least, most, round((least + most) / 2, 1), step=0.1, format="%.1f")

like = nearest(table, pd.Series(values))
shares = like["species"].value_counts(normalize=True)
st.metric("Most like a", str(shares.index[0]), f"{shares.iloc[0]:.0%} of the {NEAREST} nearest", delta_color="off")
left, right = st.columns(2)
with left:
    st.subheader("All of them")
    x, y = (alt.X("flipper_length_mm").scale(zero=False), alt.Y("body_mass_g").scale(zero=False))
    st.altair_chart(alt.Chart(table, height=340).mark_circle(size=60).encode(x, y, alt.Color("species")))
with right:
    st.subheader("The nearest")
    st.dataframe(like[["species", "island", *MEASURES]], hide_index=True, height=340)
