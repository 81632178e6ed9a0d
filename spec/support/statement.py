"""Checks that a file is an in-toto Statement v1 with a SLSA provenance predicate v1, by the shapes that the two specifications
publish: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and https://slsa.dev/spec/v1.0/provenance."""
import json
import sys

import jsonschema

RESOURCE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"}, "uri": {"type": "string"}, "downloadLocation": {"type": "string"},
        "mediaType": {"type": "string"}, "content": {"type": "string"}, "annotations": {"type": "object"},
        "digest": {"type": "object", "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]+$"}},
    },
    "additionalProperties": False,
    "anyOf": [{"required": ["uri"]}, {"required": ["digest"]}, {"required": ["content"]}],
}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
EXTENSION = {"^molbuild_": {}}
PROVENANCE = {
    "type": "object",
    "required": ["buildDefinition", "runDetails"],
    "properties": {
        "buildDefinition": {
            "type": "object",
            "required": ["buildType", "externalParameters"],
            "properties": {
                "buildType": {"type": "string", "pattern": "^[a-z][a-z0-9+.-]*:"},
                "externalParameters": {"type": "object", "minProperties": 1},
                "internalParameters": {"type": "object"},
                "resolvedDependencies": {"type": "array", "items": RESOURCE},
            },
            "patternProperties": EXTENSION, "additionalProperties": False,
        },
        "runDetails": {
            "type": "object",
            "required": ["builder"],
            "properties": {
                "builder": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {
                        "id": {"type": "string", "pattern": "^[a-z][a-z0-9+.-]*:"},
                        "version": {"type": "object", "additionalProperties": {"type": "string"}},
                        "builderDependencies": {"type": "array", "items": RESOURCE},
                    },
                    "additionalProperties": False,
                },
                "metadata": {
                    "type": "object",
                    "properties": {"invocationId": {"type": "string"}, "startedOn": TIME, "finishedOn": TIME},
                    "patternProperties": EXTENSION, "additionalProperties": False,
                },
                "byproducts": {"type": "array", "items": RESOURCE},
            },
            "patternProperties": EXTENSION, "additionalProperties": False,
        },
    },
    "patternProperties": EXTENSION, "additionalProperties": False,
}
STATEMENT = {
    "type": "object",
    "required": ["_type", "subject", "predicateType", "predicate"],
    "properties": {
        "_type": {"const": "https://in-toto.io/Statement/v1"},
        "subject": {"type": "array", "minItems": 1, "items": {**RESOURCE, "required": ["digest"]}},
        "predicateType": {"const": "https://slsa.dev/provenance/v1"},
        "predicate": PROVENANCE,
    },
    "additionalProperties": False,
}

with open(sys.argv[1], encoding="utf-8") as file:
    jsonschema.Draft7Validator(STATEMENT).validate(json.load(file))
