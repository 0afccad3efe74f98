// What the superblock points at: the indexes of the id, fragment, export and xattr tables, and the chains of
// metadata blocks of inodes and directories. Leaves the superblock's own fields to superblock.
#pragma once

#include "superblock.h"

namespace ksquash {

// Why the tables cannot be right, or an error of reading.
Result<ImageFault> checkTables(int fd, const Superblock& sb, const std::string& path);

} // namespace ksquash
