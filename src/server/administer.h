// What an administrator does at the server's own directory: `stele user`, `stele host`. Each
// command prints what it did, and returns its exit status.
#pragma once

#include <string>

namespace stele::server {

struct UserOptions {
  std::string config, name, who, roles, id, life = "90d";
};
int add_user(const UserOptions& options);
int list_users(const UserOptions& options);
int create_user_token(const UserOptions& options);
int revoke_user_token(const UserOptions& options);
int set_user_roles(const UserOptions& options);
int disable_user(const UserOptions& options);

struct HostOptions {
  std::string config, name;
};
int list_hosts(const HostOptions& options);
int revoke_host(const HostOptions& options);

}  // namespace stele::server
