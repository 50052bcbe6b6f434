"""Which lab tests need to run on one release of Gramps Web only, and why: the second release costs CI its time.

All of them pass on both (for the jam, mostly): `SYNCD_LAB_SERVER=minimum .venv/bin/python -m pytest tests/lab` runs everything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

ABOUT_SYNCD_ALONE: Mapping[str, tuple[str, Collection[str]]] = {
    # module: (why, names of its tests; none: all of them)
    "test_contract": (
        "commands, codes and documents as scripts see them",
        (
            "test_one_document_on_every_exit",
            "test_one_document_when_interrupted",
            "test_the_document_tells_what_was_done",
            "test_the_first_code_that_applies",
            "test_cron_hears_only_news",
            "test_a_failure_is_told_once_to_cron",
            "test_no_control_codes_without_a_terminal",
            "test_a_closed_pipe_is_no_defect",
            "test_check_names_each_failure",
            "test_conflicts_are_listed_until_settled",
            "test_completion",
        ),
    ),
    "test_daemon_troubles": (
        "about disks, watches, clocks and signals; servers that are away are so for any release",
        (),
    ),
    "test_damaged_disks": ("about disks of the folder that fail", ()),
    "test_desktop_tree": ("reads the family tree of a Gramps Desktop, without any server", ()),
    "test_failures": (
        "about the bucket and its configuration",
        (
            "test_a_bucket_that_is_down",
            "test_a_bucket_that_dies_in_the_middle",
            "test_a_bucket_that_is_missing_is_made_once",
            "test_another_bucket_in_the_configuration",
            "test_no_bucket_for_a_server_with_one",
            "test_wrong_keys_for_the_bucket",
            "test_a_site_that_is_no_gramps_web",
        ),
    ),
    "test_first_contact": (
        "about what the guard lets pass",
        ("test_a_large_first_contact_is_shown_first", "test_first_sync_go_says_yes_beforehand"),
    ),
    "test_full_disks": ("about disks that are full or read-only", ()),
    "test_gramps_desktop": (
        "about the family tree on the desktop",
        ("test_a_tree_that_cannot_be_read", "test_a_choice_is_asked_for"),
    ),
    "test_guide": ("the guide's commands and settings", ()),
    "test_holds": (
        "about what the guard lets pass",
        ("test_a_marker_that_was_copied", "test_deletions_that_trickle", "test_every_file_is_touched"),
    ),
    "test_hostile_objects": ("what syncd makes of handles that are no names", ()),
    "test_ignoring": ("which files of the folder count", ()),
    "test_killed_everywhere": ("counts the calls of syncd", ()),
    "test_light_runs": (
        "what the process imports",
        ("test_a_run_at_rest_imports_no_more_than_it_needs",),
    ),
    "test_limits": ("how fast bytes travel", ()),
    "test_lying_network": ("what a proxy makes of answers, whichever release gives them", ()),
    "test_modes": ("what the rules make of one and the same answers", ()),
    "test_odd_files": ("sizes, names and kinds of files in the folder", ()),
    "test_orphans": (
        "walks, moves and deletes keys of the bucket",
        (
            "test_what_stops_a_sync_stops_a_collection",
            "test_without_a_prefix_of_its_own",
            "test_many_keys_crashes_and_people_who_are_faster",
        ),
    ),
    "test_other_disks": ("file systems of the folder", ()),
    "test_paths": ("names that cannot be used in the folder", ()),
    "test_power_loss": ("about what syncd asks of its disk", ()),
    "test_rights": ("about rights in the folder", ()),
    "test_state_troubles": ("about the state file", ()),
    "test_stops": (
        "about the media folder, the state file and their locks",
        (
            "test_a_folder_that_never_was_is_a_mistake",
            "test_a_missing_folder",
            "test_an_empty_folder_in_its_place",
            "test_an_empty_folder_that_is_adopted",
            "test_a_marker_that_is_missing",
            "test_a_marker_with_another_id",
            "test_a_marker_that_makes_no_sense",
            "test_two_state_files_on_one_folder",
            "test_a_stop_is_told_once_to_cron",
            "test_a_state_of_a_newer_syncd",
            "test_a_corrupt_state",
            "test_the_trash_outlives_the_state",
            "test_a_state_folder_that_cannot_be_written",
            "test_two_at_once",
            "test_two_that_start_together",
        ),
    ),
    "test_secrets": ("what syncd writes", ()),
    "test_several": (
        "two writers in the very same moment can jam Gramps Web 3.10 until it is restarted (docs/servers.md)",
        ("test_both_add_edit_move_and_delete_at_once",),
    ),
    "test_soak": ("several writers at once, as in test_several", ()),
    "test_trees": (
        "about configurations and the address of the bucket",
        (
            "test_two_pairs_on_one_desktop",
            "test_a_media_folder_in_another_one",
            "test_an_odd_prefix_on_an_s3_server_below_a_path",
        ),
    ),
    "test_undoing": (
        "what is put back in the folder",
        (
            "test_a_life_is_told",
            "test_content_that_was_replaced",
            "test_content_whose_trash_was_emptied_by_hand",
            "test_a_move",
            "test_a_place_that_is_ignored_by_now",
            "test_a_former_content_that_the_bucket_has_damaged",
            "test_an_addition_that_was_undone_comes_back",
            "test_bytes_that_nobody_has",
            "test_what_took_nothings_place",
            "test_beside_a_daemon",
        ),
    ),
    "test_units": ("systemd's units, on a machine of their own", ()),
    "test_upload": ("sends files to a bucket, without any Gramps Web", ()),
    "test_verify": ("listings and bytes; how each release answers them, every other test shows", ()),
    "test_versions": ("the version is played by a proxy", ()),
    "test_writers": ("which files of the folder are finished", ()),
}


def find_reason(module: str, test: str) -> str | None:
    """Why this test of `tests/lab` is marked `one_server`; None: it runs on each release."""
    why, names = ABOUT_SYNCD_ALONE.get(module, ("", ()))
    return why if why and (not names or test in names) else None
