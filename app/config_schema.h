#ifndef KENG_APP_CONFIG_SCHEMA_H_
#define KENG_APP_CONFIG_SCHEMA_H_

// The JSON Schema of keng.yaml (draft 2020-12), for editors: names and kinds of the keys. What it
// cannot say (that files exist, that channels are known) `keng config check` says. config_test.cc
// holds it in step with the reader.

#include <string>

namespace keng::app {

std::string ConfigSchema();

}  // namespace keng::app

#endif  // KENG_APP_CONFIG_SCHEMA_H_
