// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {ISplitterFactory, Share} from "../interfaces/ISplitterFactory.sol";
import {ShareTable} from "../libraries/ShareTable.sol";
import {RevenueSplitter} from "./RevenueSplitter.sol";

/// @title SplitterFactory: the one place where revenue splitters come from.
contract SplitterFactory is ISplitterFactory {
    uint256 private constant MAX_PAYEES = 256;

    /// @inheritdoc ISplitterFactory
    address public immutable implementation = address(new RevenueSplitter());

    /// @inheritdoc ISplitterFactory
    function createSplitter(Share[] calldata shares) external returns (address splitter) {
        bytes memory table = _table(shares);
        splitter = _predict(table);
        if (splitter.code.length != 0) return splitter;
        // Its address is known: a hash of its payees, so it is none of them. It reverts if it makes none.
        Clones.cloneDeterministicWithImmutableArgs(implementation, table, bytes32(0));
        emit SplitterCreated(splitter, shares);
    }

    /// @inheritdoc ISplitterFactory
    function splitterOf(Share[] calldata shares) external view returns (address splitter) {
        return _predict(_table(shares));
    }

    function _predict(bytes memory table) private view returns (address) {
        return Clones.predictDeterministicAddressWithImmutableArgs(implementation, table, bytes32(0));
    }

    /// @dev The checked shares as the clone carries them.
    function _table(Share[] calldata shares) private pure returns (bytes memory table) {
        uint256 count = shares.length;
        if (count == 0 || count > MAX_PAYEES) revert InvalidPayeeCount(count, MAX_PAYEES);
        table = ShareTable.create(count);
        address previous = address(0);
        for (uint256 i = 0; i < count; ++i) {
            (address payee, uint32 share) = (shares[i].payee, shares[i].share);
            if (payee <= previous) revert PayeesNotAscending(previous, payee);
            if (share == 0) revert EmptyShare(payee);
            previous = payee;
            ShareTable.set(table, i, payee, share);
        }
    }
}
