"""A fourth catalogue of planted bugs: what the laws did not see on a deployment of other hands."""

from tests.broken.catalogue import Bug, area_of

FOURTH: dict[str, Bug] = {
    bug.name: bug
    for bug in [
        *area_of(
            "auth",
            mapping_open="Custom mappings are deleted without a key.",
        ),
        *area_of(
            "envelope",
            metadata_text="The metadata of a consumer is JSON in a text.",
        ),
        *area_of(
            "state",
            form_stale="A form field keeps the first value that it was given.",
            post_settings_lost="Settings that come with an addition are ignored.",
            config_falsy="Defaults of a resource that are false, 0 or empty are dropped.",
            deleted_id_lower="Deleting a consumer answers with its id in lower case.",
            list_cached="The list shows the state of the first time it was asked for.",
            empty_wipes_metadata="An update of nothing empties a consumer's metadata.",
            shown_added="The connections of a consumer are always shown as added.",
        ),
        *area_of(
            "isolation",
            logs_alike="Logs are those of every consumer whose id begins alike.",
        ),
        *area_of(
            "pagination",
            even_end_lost="Where the limit divides the list, the last page is dropped.",
            third_is_last="No page after the third is led to.",
            items_limit="items_on_page is the limit.",
            link_elsewhere="Links of the list of consumers lead to the logs.",
        ),
        *area_of(
            "sessions",
            claims_first_app="Every token names the first application.",
            claims_falsy="Custom settings that are false, 0 or empty are not in the token.",
            token_unsigned="Session tokens have no signature.",
        ),
        *area_of(
            "oauth",
            code_any="A callback takes any code.",
            uri_decoded="Escapes in a redirect_uri are decoded.",
            consent_wipes="A consent empties the settings.",
            revoked_gone="A revoked connection is deleted.",
            revoke_url_stays="A revoked connection keeps its revoke_url.",
        ),
        *area_of(
            "logs",
            log_operation="Imports are logged as additions.",
            log_query="The path of an entry holds the query.",
        ),
        *area_of(
            "counts",
            count_no_delete="Deletions are not counted.",
        ),
        *area_of(
            "mappings",
            mapping_latin="Custom mappings keep Latin letters only.",
            mapping_update_open="An update of a custom mapping takes unknown properties.",
        ),
        *area_of(
            "cascades",
            cascade_namesake="Deleting a consumer empties its namesake in other applications.",
        ),
        *area_of(
            "limits",
            key_500="A key outside ASCII is an internal error.",
            name_cut="The metadata of a consumer is cut at 255 characters.",
        ),
    ]
}
