"""A sixth catalogue of planted bugs: what is right once, for one kind, or for one caller."""

from tests.broken.catalogue import Bug, area_of

SIXTH: dict[str, Bug] = {
    bug.name: bug
    for bug in [
        *area_of(
            "state",
            second_deletion_void="A consumer that was deleted once is not deleted again.",
            creation_renewed="A second creation of a consumer renews its time of creation.",
            config_appends="A default that is stored again stands beside the one of before.",
            import_bare_callable="An import of settings alone counts as a consent.",
            reads_add="Reading a connection adds it.",
            revocation_empties="A revocation takes the metadata of its connection along.",
            import_unmaps="An import takes the custom mappings of its consumer along.",
            list_plain_ids="The list shows consumers only whose ids are ASCII.",
        ),
        *area_of(
            "envelope",
            error_reason="What is not found is told as a bad request, in words.",
        ),
        *area_of(
            "headers",
            refusal_without_id="Refusals carry no request id.",
        ),
        *area_of(
            "isolation",
            cascade_twin="Deleting a connection deletes what its service has elsewhere.",
            twin_settings="A setting reaches the connection that its service has elsewhere.",
            twin_mappings="A mapping is of a service, whatever the unified API.",
            namesake_mapping="An update of a mapping finds that of a namesake elsewhere.",
            import_for_namesakes="An import is one for the consumer's namesakes elsewhere too.",
            filtered_logs_of_all="Logs that are filtered by a status are those of all consumers.",
        ),
        *area_of(
            "filters",
            api_begins="The filter api gives what begins with it.",
        ),
        *area_of(
            "pagination",
            next_page_of_one="Behind a cursor the limit is one, where none is named.",
            anchor_gone="A cursor whose consumer is deleted leads to the first page.",
        ),
        *area_of(
            "mappings",
            mapping_of_application="A mapping names the application as its consumer.",
            mapping_twice_deleted="A mapping that was deleted once is not deleted again.",
            third_mapping_lost="Of the mappings of a consumer only two are kept.",
            mapping_trimmed="Blanks around the value of a mapping are cut.",
        ),
        *area_of(
            "sessions",
            guest_deletes="A session token deletes what is another consumer's.",
        ),
        *area_of(
            "cascades",
            orphan_consumer_config="Resource settings outlive their consumer.",
        ),
        *area_of(
            "logs",
            log_path_query="The path of a log holds the query.",
            log_config_read="An update of resource settings is logged as a read of them.",
        ),
        *area_of(
            "oauth",
            second_revocation_void="A connection that was revoked once is not revoked again.",
            newest_flow_only="Of the flows of a consumer only the newest can be finished.",
            revoke_of_all="A revocation is one for all consumers of the application.",
        ),
        *area_of(
            "secrets",
            secret_of_last="A form shows the secret that was stored last, whoever stored it.",
        ),
        *area_of(
            "concurrency",
            race_fresh="Additions at the same time make a consumer that has only one of them.",
            race_same_500="Of two creations of one consumer at the same time one fails.",
        ),
        *area_of(
            "limits",
            slow_full_list="A list takes long for each connection that was added.",
        ),
    ]
}
