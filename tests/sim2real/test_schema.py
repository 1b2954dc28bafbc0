import copy

import jsonschema
from gambol.sim2real import schema

VALIDATOR = jsonschema.Draft202012Validator(schema.schema())


def test_it_is_a_schema_and_travels_with_the_bundle(walker):
    jsonschema.Draft202012Validator.check_schema(schema.schema())
    assert walker.files["contract.schema.json"] == schema.dump()


def test_it_takes_the_contract(contract_data):
    VALIDATOR.validate(contract_data)


def test_it_refuses_what_the_types_refuse(contract_data):
    for name in contract_data:
        without = {key: value for key, value in contract_data.items() if key != name}
        assert not VALIDATOR.is_valid(without), name
    for path, value in [
        (("kp", 0), "150"),
        (("gravity_sign",), 1),
        (("more",), 1),
        (("robot", "feet"), 4),
        (("graph", "inputs", 0, "shape"), [1.5]),
    ]:
        data = copy.deepcopy(contract_data)
        place = data
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        assert not VALIDATOR.is_valid(data), path


def test_fields_are_told(contract_data):
    told = schema.schema()["properties"]
    assert told["control_dt"]["description"] == "Seconds between ticks."
    assert told.keys() == contract_data.keys()
