# Documents that are installed: dist_doc_DATA += %D%/name.md
dist_doc_DATA += %D%/protocol.md
