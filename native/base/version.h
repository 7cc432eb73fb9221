// The package's version; test/package.test.ts holds it against package.json.
#pragma once

#define NODE_IP_ADAPTER_VERSION "0.1.0"
