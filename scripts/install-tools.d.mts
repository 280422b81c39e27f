export declare function installTools(folder: string, packages: string[]): void
