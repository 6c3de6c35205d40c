// What makes a page live; base.html loads this one file, and the parts find each other by their plain names.
import { connect } from "./wire.js";
import "./connection.js";
import "./positions_live.js";
import "./quotes.js";
import "./toasts.js";

connect();
