/** Absolute path of the plugin. */
export declare const file: string;
/** Version of this package. It has to be that of node-ip-adapter. */
export declare const version: string;
