// What is known of a session as a whole, for people and as JSON.
#pragma once

#include <string>
#include <vector>

#include "cli/session_reader.h"
#include "codec/json.h"

namespace stele::cli {

std::string join(const std::vector<std::string>& words);

/// ", from the kernel" and the like: where an entry of the map of `start` is known from.
std::string marked(const event::Start& start, const std::string& entry);

/// Who it is, in which roles, and how that is known: one line.
std::string person_text(const event::Person& person);

/// Into an object that was begun.
void write_facts(codec::JsonWriter& json, const SessionFacts& f, const std::string& state);

void print_facts(const SessionFacts& f, const std::string& state);

}  // namespace stele::cli
