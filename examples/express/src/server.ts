import { toNodeHandler } from '@mcp-gateway/core/node'
import { start } from '@mcp-gateway/example-gateway'
import express from 'express'

await start((gateway) => express().use(toNodeHandler(gateway)))
