"""The steps that the commands and the Python API are made of: functions of a `Workplace`, which `Session` offers."""
