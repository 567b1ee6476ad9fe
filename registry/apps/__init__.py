"""Sign-in, purchases and gates by the wallets of visitors, for apps in Streamlit."""
