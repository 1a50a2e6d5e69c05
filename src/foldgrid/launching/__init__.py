"""Many fits: plan, resources, executors. The only room that knows Ray."""
