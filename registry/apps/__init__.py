"""Sign-in, purchases and gates by the wallets of browsers, in Streamlit apps and in notebooks."""
