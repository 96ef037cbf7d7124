"""Reads an attestation strictly by the published in-toto messages.

    python attestation.py attestation.intoto.json

One line a check on stdout: `ok WHAT` or `WRONG WHAT: WHY`. The exit code is 1 where something is wrong.
"""

import hashlib
import json
import pathlib
import sys

from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

path = pathlib.Path(sys.argv[1])
failed = False


def check(what, run):
    global failed
    try:
        run()
        print(f"ok {what}")
    except Exception as error:  # Whatever it is, it is what is wrong.
        failed = True
        print(f"WRONG {what}: {error}")


def demand(holds, why):
    if not holds:
        raise ValueError(why)


text = path.read_text()
# Unknown fields are refused, so a misspelt one does not pass for an extension.
statement = statement_pb2.Statement()
check("attestation is a Statement", lambda: json_format.Parse(text, statement))
check("attestation holds what a Statement must", Statement.copy_from_pb(statement).validate)

predicate = test_result_pb2.TestResult()


def of_the_predicate():
    demand(statement.predicate_type == "https://in-toto.io/attestation/test-result/v0.1", "it has another predicate")
    raw = json.loads(text)["predicate"]
    json_format.ParseDict(raw, predicate)
    demand({"result", "configuration"} <= raw.keys(), "result or configuration is missing")
    demand(predicate.result in ("PASSED", "WARNED", "FAILED"), f"result is {predicate.result!r}")
    for resource in predicate.configuration:
        ResourceDescriptor.copy_from_pb(resource).validate()
        demand(resource.digest or resource.uri or resource.content, f"{resource.name} has no digest, uri or content")
    lists = [*predicate.passed_tests, *predicate.warned_tests, *predicate.failed_tests]
    demand(len(lists) == len(set(lists)), "a test is there twice")
    worst = "FAILED" if predicate.failed_tests else "WARNED" if predicate.warned_tests else predicate.result
    demand(worst == predicate.result, f"result is {predicate.result}, the lists say {worst}")


def of_the_digests():
    names = [subject.name for subject in statement.subject]
    demand(len(names) == len(set(names)), "a subject's name is there twice")
    for resource in [*statement.subject, *predicate.configuration]:
        for algorithm, digest in resource.digest.items():
            size = {"sha256": 64, "gitCommit": 40}[algorithm]
            demand(len(digest) == size and int(digest, 16) >= 0, f"{resource.name}: {digest} is no {algorithm}")
    beside = path.with_name("report.json")
    digests = {s.name: s.digest["sha256"] for s in statement.subject}
    demand(digests["report.json"] == hashlib.sha256(beside.read_bytes()).hexdigest(), "report.json is another one")


check("attestation holds a Test Result v0.1", of_the_predicate)
check("attestation has digests, that of report.json among them", of_the_digests)
sys.exit(failed)
