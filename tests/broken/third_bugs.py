"""A third catalogue of planted bugs: written after the laws, to see how many they find unseen."""

from tests.broken.catalogue import Bug, area_of

THIRD: dict[str, Bug] = {
    bug.name: bug
    for bug in [
        *area_of(
            "state",
            config_second="Settings of a second resource replace those of the first.",
            same_key="A key of metadata overwrites the setting of the same name.",
            list_one_behind="The list shows connections as they were before the latest write.",
            import_disables="An import disables the connection.",
            service_prefix="A service is found by the beginning of its id.",
            resource_prefix="A resource is found by the beginning of its name.",
            cleared_callable="Emptying a required field leaves a connection callable.",
        ),
        *area_of(
            "isolation",
            delete_both_apis="Deleting a connection deletes the same service of other APIs.",
            cursor_consumer="A cursor of one consumer's logs shows them to another.",
            session_elsewhere="A session's metadata reaches the namesake in other applications.",
        ),
        *area_of(
            "pagination",
            limit_one_two="limit=1 gives two.",
            last_alone="A last page of one item is dropped.",
        ),
        *area_of(
            "sessions",
            settings_leak="A session without settings has those of the session before.",
            long_metadata_dropped="Metadata of more than 200 characters is not in the token.",
        ),
        *area_of(
            "oauth",
            denied_locks="After a denial no consent is taken.",
        ),
        *area_of(
            "webhooks",
            hook_deleted_disabled="Deleting a disabled connection raises no event.",
        ),
        *area_of(
            "counts",
            count_no_sessions="Sessions are not counted.",
        ),
        *area_of(
            "secrets",
            listed_secrets="The list of consumers shows connections with their keys.",
        ),
        *area_of(
            "headers",
            language_text="A refusal in another language is text.",
            etag_stale="If-None-Match is always answered 304.",
        ),
    ]
}
