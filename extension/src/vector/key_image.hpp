// The image of a primary key: one text that stands for it in the outbox and in dead letters.
//
// A key of one column is its text. One of several columns is each text after its length and a
// colon, "2:ab1:c", so that no two keys share an image. Texts are what the types print with ISO
// dates in UTC, whatever the session's settings are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stash {

// Appends one column's text of a key that has `columns` of them.
void append_key_part(std::string* image, std::string_view part, int columns);

// The texts of the columns; nothing when the image is not one of so many columns.
std::optional<std::vector<std::string_view>> key_parts(std::string_view image, int columns);

}  // namespace stash
