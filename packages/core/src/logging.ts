export { createLogger, type LoggerOptions } from './lib/logging/create-logger.js'
