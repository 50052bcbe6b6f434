"""The command line, one file a command.

`main` reads the arguments and owns every way in which the process ends; a command does its work, says it in words
(`paper`, `report`, `progress`) and returns an `Ending`, from which exit code and JSON document are made.
"""
