"""Who gets the money: splits, royalties of ancestors, accounts and statements."""
