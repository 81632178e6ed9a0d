"""Validates lines of JSON with python3-jsonschema, which molbuild does not use: validate.py SCHEMA [DEFINITION] <LINES

A published schema lets a newer molbuild add fields. Here a field that the schema does not name is a mistake: each
definition knows its own properties and those of the root. Prints what is wrong, and ends with status 1 then.
"""
import json
import sys

import jsonschema


def closed(schema):
    common = schema.get("properties", {})
    for definition in schema["definitions"].values():
        definition["properties"] = {**common, **definition.get("properties", {})}
        definition["additionalProperties"] = False
    return schema


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    schema = closed(schema)
    if len(sys.argv) > 2:
        schema["$ref"] = "#/definitions/" + sys.argv[2]
    validator = jsonschema.Draft7Validator(schema)
    wrong = False
    for number, line in enumerate(sys.stdin.buffer.read().decode("utf-8").split("\n")[:-1], 1):
        for error in validator.iter_errors(json.loads(line)):
            where = "/".join(str(part) for part in error.absolute_path)
            print(f"line {number}: {where}: {error.message}")
            wrong = True
    return 1 if wrong else 0


sys.exit(main())
