"""Work on assets: experiments that are run, recorded and reproduced."""
