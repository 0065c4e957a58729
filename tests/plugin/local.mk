# Loading, refusing, exports, building outside the tree.
