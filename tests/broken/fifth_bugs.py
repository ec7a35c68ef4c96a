"""A fifth catalogue of planted bugs: what keeps answers too long, and what one case forgets."""

from tests.broken.catalogue import Bug, area_of

FIFTH: dict[str, Bug] = {
    bug.name: bug
    for bug in [
        *area_of(
            "state",
            resource_view_stale="A resource shows its connection as it was read there first.",
            list_token_stale="The list says added of what holds a token.",
            form_of_first="A form shows the values that were saved first.",
            listed_metadata_stale="The list shows a consumer's metadata as they were at first.",
            consumer_latin="Letters outside Latin-1 in a consumer's metadata are lost.",
            refused_creation="A consumer whose creation is refused is there.",
            config_first_default="Of several defaults of a resource one is kept.",
            config_ghost="A connection calls a resource configurable that it does not have.",
            consumer_answers_before="An update of a consumer answers as it was before.",
            consumer_hides_disabled="A consumer does not show its disabled connections.",
            import_needs_refresh="An import without a refresh token keeps no credentials.",
            disable_drops_token="Disabling a connection drops its consent.",
            plus_is_blank="A plus in a path is a blank.",
            id_normalised="Ids are normalised: a letter and its accent become one.",
            listed_bare_pages="Pages after the first show no metadata.",
            custom_fields_of_any="A resource that does not exist has custom fields: none.",
            example_of_first="The example is of the connector's first resource.",
            bare_stays_added="A connector that asks for nothing is never callable.",
        ),
        *area_of(
            "auth",
            app_folded="The id of an application is compared without case.",
            existence_told="A consumer that does not exist is told before the key is judged.",
        ),
        *area_of(
            "envelope",
            long_id_500="Ids of more than 255 characters are an internal error.",
        ),
        *area_of(
            "isolation",
            settings_of_all="An addition has the settings that others have stored.",
        ),
        *area_of(
            "filters",
            configured_kept="The filter configured is answered as it was answered first.",
        ),
        *area_of(
            "mappings",
            mapping_view_stale="A connection shows the value that a field was mapped to first.",
            mapping_answers_before="An update of a mapping answers the value of before.",
            mapping_key_label="The key of a mapping is its label.",
        ),
        *area_of(
            "pagination",
            logs_default_fifty="A page of logs has 50 entries where no limit is given.",
        ),
        *area_of(
            "logs",
            log_operation_list="Each call of a connection is logged as connectionsAll.",
            log_mappings_lost="Deleted mappings are not in the logs.",
        ),
        *area_of(
            "counts",
            count_import_twice="An import counts twice.",
            count_range_echo="A range tells its start as its end.",
        ),
        *area_of(
            "concurrency",
            race_connections="Of connections that are added at the same time some are lost.",
            race_resurrect="An update beside a deletion brings the connection back.",
            race_lists="Of lists that are asked for at the same time one is of another consumer.",
        ),
        *area_of(
            "sessions",
            session_kept="A session that was found right once is right for ever.",
            session_prefix="A session opens consumers whose ids begin with its own.",
            session_uri_first="The address of a session is that of the consumer's first.",
            session_lower="A session names its consumer in small letters.",
        ),
        *area_of(
            "oauth",
            consent_enables="A consent enables a disabled connection.",
            denied_drops_query="A denial drops the query of the redirect_uri.",
            link_shared="The link of an untouched connection is that of whoever asked first.",
            session_is_state="A session token in place of a state is an internal error.",
            revoke_script="A revocation leads to any redirect_uri.",
            scope_last="Of several scopes the last is handed on.",
            authorize_credentials="What is authorized by credentials has an authorize_url.",
        ),
        *area_of(
            "webhooks",
            hook_key_shared="The events of one change share an idempotency key.",
            hook_key_number="Idempotency keys are numbers.",
            hook_hours_off="occurred_at is two hours ahead.",
            hook_import_added="An import onto a connection that was added raises no event.",
        ),
        *area_of(
            "limits",
            slow_long_ids="Lists of consumers with long ids take a second.",
            whole_number_500="A whole number of forty digits is an internal error.",
        ),
    ]
}
