"use strict";

const path = require("node:path");

module.exports = {
  file: path.join(__dirname, "libnode_ip_adapter_cuda.so"),
  version: require("./package.json").version,
};
