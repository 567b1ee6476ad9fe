"""Programs of ours that run inside the sandbox.

They import nothing of the package: the standard library is all that is sure to be there.
"""
