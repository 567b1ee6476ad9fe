"""Runs that can be run again: code with its locked environment, what a run read and made, and the record of it.

`running` runs code on data and writes a `record`; `reproducing` runs a record again and compares. `code` and `lock` say
what is run and in which environment, `environment` lays that out, `rocrate` hands a record to journals.
"""
