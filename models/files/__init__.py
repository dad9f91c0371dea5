"""Lists the files of folders and zip files, whatever their names are written in."""
