"""Validates lines of JSON with python3-jsonschema, which molbuild does not use: validate.py ANSWERS

A request on stdin is a line "SCHEMA DEFINITION SIZE" and SIZE bytes of lines of that definition, or of any one for "-". Its answer,
written to the file ANSWERS, is a line "yes SIZE" or "no SIZE" and SIZE bytes that say what is wrong. One process answers all
requests of a spec file: it takes long to start.

A published schema lets a newer molbuild add fields. Here a field that the schema does not name is a mistake: each
definition knows its own properties and those of the root.
"""
import functools
import json
import sys

import jsonschema


def closed(schema):
    common = schema.get("properties", {})
    for definition in schema["definitions"].values():
        definition["properties"] = {**common, **definition.get("properties", {})}
        definition["additionalProperties"] = False
    return schema


@functools.lru_cache(maxsize=None)
def validator(path, definition):
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    schema = closed(schema)
    if definition != "-":
        schema["$ref"] = "#/definitions/" + definition
    return jsonschema.Draft7Validator(schema)


def mistakes(path, definition, text):
    """What is wrong, one line each."""
    try:
        for number, line in enumerate(text.decode("utf-8").split("\n")[:-1], 1):
            for error in validator(path, definition).iter_errors(json.loads(line)):
                where = "/".join(str(part) for part in error.absolute_path)
                yield f"line {number}: {where}: {error.message}\n"
    except Exception as error:
        yield f"{path}: {error}\n"


def main():
    with open(sys.argv[1], "wb") as answers:
        for request in sys.stdin.buffer:
            path, definition, size = request.decode().split()
            said = "".join(mistakes(path, definition, sys.stdin.buffer.read(int(size)))).encode()
            answers.write(b"%s %d\n%s" % (b"no" if said else b"yes", len(said), said))
            answers.flush()


main()
