//! Product definitions: language, check, schema, schedules, simulation.
