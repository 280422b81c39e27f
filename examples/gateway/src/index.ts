export { choosePort, hostedGateway, startHosted } from './hosted.js'
export { start } from './start.js'
