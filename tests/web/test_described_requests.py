"""Whatever the OpenAPI description allows is answered as it says: nothing breaks, no status or shape is unnamed."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.conftest import BEARER, ORIGIN, START, open_home
from thetaloom.web.app import create_app

HEADERS = {"host": ORIGIN.removeprefix("http://"), **BEARER}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SECONDS_MAX = 120  # an answer may take, on a busy machine
SHARES = 6  # tested beside each other


@pytest.mark.parametrize("share", range(SHARES))
def test_a_described_request_is_answered_as_described(tmp_path: Path, share: int) -> None:
    platform = open_home(tmp_path, START)
    platform.engine.start()
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(platform), headers=HEADERS)
    operations = sorted(
        (found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)), key=lambda each: each.label
    )

    for operation in operations[share::SHARES]:

        @settings(
            max_examples=5,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answer_is_as_described(case: "schemathesis.Case[Any]") -> None:
            case.validate_response(case.call(headers=HEADERS, timeout=SECONDS_MAX), checks=CHECKS)

        answer_is_as_described()
    assert len(operations) > 100
    platform.close()
