"""A seventh catalogue of planted bugs: what lasts too long, or shows on a second look alone."""

from tests.broken.catalogue import Bug, area_of

SEVENTH: dict[str, Bug] = {
    bug.name: bug
    for bug in [
        *area_of(
            "state",
            form_secret_first="A form shows the first of two secrets that were saved.",
            form_consent_first="The form of an OAuth connection keeps the first value saved.",
            metadata_nested_nulls="Nulls that lie deeper in metadata are stripped.",
            metadata_nfc="Text in metadata is normalised to NFC.",
            settings_nfc="Text in settings is normalised to NFC.",
            consumer_nfc="Text in the metadata of a consumer is normalised to NFC.",
            config_wipes_settings="Storing the defaults of a resource empties the settings.",
            config_touches_settings="A default of a resource becomes a setting too.",
            config_wipes_metadata="Storing the configuration of a connection drops its metadata.",
            consent_unmaps="A consent takes the custom mappings of its connection along.",
            revoke_unmaps="A revocation takes the custom mappings of its connection along.",
        ),
        *area_of(
            "isolation",
            id_cut_connections="Connections are held by the first 300 characters of an id.",
            config_twin="Defaults of a resource reach what its service has elsewhere.",
        ),
        *area_of(
            "pagination",
            insertion_restarts="After an insertion a cursor leads to the first page.",
        ),
        *area_of(
            "mappings",
            mapping_nfc="The value of a mapping is normalised to NFC.",
            third_field_lost="A third mapping is lost where a connection shows no target fields.",
        ),
        *area_of(
            "cascades",
            secret_outlives="A secret outlives its connection, and counts as filled in.",
            secret_form_filled="The form of a connection tells that it had a secret before.",
        ),
        *area_of(
            "counts",
            count_token_lost="A token exchange that is served is not counted.",
            count_guests="Calls with a session token are not counted.",
        ),
        *area_of(
            "oauth",
            consent_wipes_metadata="A consent takes the metadata of its connection along.",
            deny_wipes="A denial at the callback takes the settings along.",
            deny_wipes_token="A denial at the callback takes the consent of before along.",
            fail_dropquery="A failure at the callback drops the query of its address.",
            fail_silent="A failure at the callback comes back without an error.",
        ),
        *area_of(
            "webhooks",
            hook_unasked="Events are delivered that the subscription did not ask for.",
            hook_to_disabled="Events are delivered to a subscription that is disabled.",
            hook_deleted_state="The event of a deleted connection has the state of before.",
            hook_deleted_stateless="The event of a deleted connection has no state.",
            hook_entity_elsewhere="The entity of an event has the id of the connection.",
        ),
    ]
}
