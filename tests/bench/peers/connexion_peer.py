"""Connexion as it comes, with requests and answers validated: the same answers, nothing kept."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import uvicorn
import yaml
from connexion import AsyncApp
from connexion.resolver import Resolver

ANSWERS = json.loads(Path(os.environ["BENCH_ANSWERS"]).read_text())


def resolve(operation_id: str) -> Any:
    async def handler(**parameters: Any) -> Any:
        return ANSWERS[operation_id], 200

    return handler


def check_key(api_key: str, *_: Any, **__: Any) -> dict[str, str]:
    return {"uid": api_key}


def main(port: int) -> None:
    document = yaml.load(Path(os.environ["BENCH_SPEC"]).read_bytes(), yaml.CSafeLoader)
    document["components"]["securitySchemes"]["apiKey"]["x-apikeyInfoFunc"] = (
        f"{__name__}.check_key"
    )
    app = AsyncApp(__name__)
    app.add_api(document, resolver=Resolver(resolve), validate_responses=True, base_path="")
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="error")


if __name__ == "__main__":
    sys.modules["connexion_peer"] = sys.modules["__main__"]
    __name__ = "connexion_peer"
    main(int(sys.argv[1]))
