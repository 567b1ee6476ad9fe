// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Splitter} from "./Splitter.sol";

/// @title RevenueSplitter: divides revenue among people.
/// @dev A clone; its payees and shares stand in its code: there is nothing to initialise or to change.
contract RevenueSplitter is Splitter {
    /// @inheritdoc Splitter
    function _table() internal view override returns (bytes memory table, uint256 silent) {
        return (_args(), 0);
    }
}
