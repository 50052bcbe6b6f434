"""docs/s3-services.md: each sample is a configuration as it stands, and reaches the server that it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from syncd import doorstep
from syncd.config import load_settings
from syncd.ports import MediaLocation

DOCUMENT = Path(__file__).parents[3] / "docs" / "s3-services.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
SAMPLES = dict(re.findall(r"```toml service=(\S+)\n(.*?)```", TEXT, re.DOTALL))
REST = 'media_dir = "family"\n[gramps]\nurl = "https://family.example"\nusername = "editor"\npassword = "x"\n'

EXPECTED = {
    "amazon": ("https://s3.eu-central-1.amazonaws.com", "eu-central-1"),
    "google": ("https://storage.googleapis.com", "auto"),
    "r2": ("https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com", "auto"),
    "b2": ("https://s3.us-west-004.backblazeb2.com", "us-west-004"),
    "hetzner": ("https://fsn1.your-objectstorage.com", "fsn1"),
    "wasabi": ("https://s3.eu-central-2.wasabisys.com", "eu-central-2"),
    "minio": ("https://minio.example:9000", "us-east-1"),
    "ceph": ("https://rgw.example", "us-east-1"),
    "scaleway": ("https://s3.fr-par.scw.cloud", "fr-par"),
    "digitalocean": ("https://ams3.digitaloceanspaces.com", "ams3"),
    "other": ("https://s3.example", "us-east-1"),
}


def test_every_sample_is_checked() -> None:
    """No sample goes unchecked, none is missing, and each stands in a section of its own."""
    assert SAMPLES.keys() == EXPECTED.keys()
    assert TEXT.count("```toml") == len(SAMPLES) == len(re.findall(r"^## (?!Rights)", TEXT, re.MULTILINE))


@pytest.mark.parametrize("service", EXPECTED)
def test_sample(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample loads without a warning; endpoint, region, bucket and path-style addressing are what both clients use."""
    file = tmp_path / "syncd.toml"
    file.write_text(REST + SAMPLES[service])
    file.chmod(0o600)
    settings = load_settings(file, {"HOME": str(tmp_path)})
    assert settings.warnings == ()
    assert settings.s3 is not None
    assert (settings.s3.bucket, settings.s3.prefix) == ("my-bucket", "family/")
    endpoint, region = EXPECTED[service]
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    store = doorstep.open_store(settings, MediaLocation("my-bucket", "family/tree/"))
    try:
        facts = store.facts()
        assert (facts.endpoint, facts.region) == (endpoint, region)
        # What boto3 would ask, which must be what obstore asks.
        client = store._session.client()
        address = client.generate_presigned_url("get_object", {"Bucket": "my-bucket", "Key": "family/tree/x"})
        assert address.startswith(f"{endpoint}/my-bucket/family/tree/x?")
        assert f"%2F{region}%2Fs3%2F" in address
        asked: Any = store._session.transport(sends=True).config
        assert (asked["endpoint"], asked["region"]) == (endpoint, region)
        assert str(asked["virtual_hosted_style_request"]).lower() == "false"
    finally:
        store.close()
