"""The page behind the ``type`` of a problem: the meaning of each code."""

import re

import pytest

from concertbook.errors import every_refusal
from concertbook.http.problems import FRAMEWORK_REFUSALS, domain_problem

pytestmark = pytest.mark.django_db

CODES = {refusal.code for refusal in every_refusal()}


def page_of(client, language="en"):
    answer = client.get("/api/v1/problems/", headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer


def sections(answer):
    found = re.findall(r'<section class="panel" id="(\w+)">(.*?)</section>', answer.text, re.S)
    return {code: re.sub(r"<[^>]+>", " ", text) for code, text in found}


def test_the_type_of_every_refusal_leads_to_words_about_it(client):
    for refusal in {*every_refusal(), *FRAMEWORK_REFUSALS.values()}:
        exc = refusal.__new__(refusal)
        exc.extra, exc.retry_after = {}, None
        address, _hash, code = domain_problem(exc)[0]["type"].partition("#")
        assert (address, code) == ("/api/v1/problems/", refusal.code)
    told = sections(page_of(client))
    assert told.keys() == CODES


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_code_is_explained_in_the_readers_language(client, language):
    for code, text in sections(page_of(client, language)).items():
        words = text.split("·", 1)[1]
        assert re.search(r"[45]\d\d", words), code
        assert bool(re.search("[가-힣]", words)) == (language == "ko"), (code, words)


def test_a_problem_and_its_page_agree(client):
    problem = client.get("/api/v1/me/").json()
    address, _hash, anchor = problem["type"].partition("#")
    assert f'id="{anchor}"' in client.get(address).text


def test_the_list_needs_neither_the_internet_nor_scripts_of_its_own(client):
    answer = page_of(client)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", answer.text)
    assert "unsafe" not in answer["Content-Security-Policy"]


def test_the_documentation_links_to_the_list(client):
    info = client.get("/api/v1/schema/?format=json").json()["info"]
    assert "(/api/v1/problems/)" in info["description"]
