"""No module imports itself by a detour: not at the top, in a function, or for its types."""

from __future__ import annotations

import grimp
import networkx as nx


def test_no_cycle_lazy_or_by_types() -> None:
    graph = grimp.build_graph("foldgrid", "foldgrid.analysis", cache_dir=None)
    imports = nx.DiGraph(
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    )
    assert len(imports) > 300
    circles = [sorted(each) for each in nx.strongly_connected_components(imports) if len(each) > 1]
    assert circles == []
