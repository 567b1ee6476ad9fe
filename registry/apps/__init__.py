"""Sign-in, purchases, gates and uploads by the wallets of browsers, in Streamlit and Gradio apps and in notebooks."""
