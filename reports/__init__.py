"""Reports: pictures, tables and pages as pure functions of results; only `reports.figure` opens picture files."""
